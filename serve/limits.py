"""Every limit of the server, and the reason for its value.

A limit with a flag is the default of that flag; `serve.config` describes the flags.
Times are in seconds.
"""

# One HTTP request

MAX_BODY_BYTES = 256 * 1024  # about five times the longest scene in UTF-8
MAX_QUERY_BYTES = 2000  # the page's own query strings are below 100
MAX_DIGITS = 40  # of a whole number; the largest argument has 10
MAX_JSON_DEPTH = 8  # a call needs 3; deep nesting can exhaust Python's recursion limit

# Load. Generation is bound by the CPU: concurrent scenes share its words per second.

MAX_CONCURRENT = 32  # scenes; two CPU cores give each of 32 about 23 words per second
MAX_QUEUE = 64  # requests; the last one in the queue waits for about two scenes
MAX_SHORT_TASKS = 8  # concurrent: alternatives, log-probabilities; each takes milliseconds
RATE_LIMIT = "300/minute"  # of one client; a person who clicks without pause stays below it
WRONG_PASSWORDS = "20/minute"  # of one client; a person types fewer, a program guesses too slowly
THREADS = 1  # for prompts and short tasks; scenes have one thread of their own
SCENE_TIMEOUT = 60.0  # the longest scene takes 40 at WORDS_PER_SECOND
SHUTDOWN_TIMEOUT = 20.0  # most scenes end within it; container engines wait 10 to 30 by default
# Of an idle connection. A client or proxy that uses a connection again just as the server closes it
# loses its request, so the server waits longer than they do: nginx and AWS's load balancers keep an
# idle connection for 60, Google's for 600.
KEEP_ALIVE = 620
MAX_PROMPT_STATES = 8  # prompts whose state a model keeps, of at most 3 MB: one scene has 3 takes
MAX_LOADED = 4  # models in memory; one of a show needs about 60 MB in int8
WATCH_INTERVAL = 0.0  # between two looks for new exports; 0: only at SIGHUP
METRICS_PORT = 0  # of the page
MAX_OPEN_FILES = 65_536  # connections, if the system allows as many
CONNECTION_TIMEOUT = 1  # at shutdown; an open page never closes its connection by itself

# The smallest and largest value of each flag.
FLAG_RANGES: dict[str, tuple[float, float]] = {
    "port": (1, 65535),
    "max_concurrent": (1, 1000),
    "max_queue": (1, 10_000),
    "threads": (1, 256),
    "scene_timeout": (1, 3600),
    "shutdown_timeout": (0, 3600),
    "keep_alive": (1, 86_400),
    "max_loaded": (1, 1000),
    "watch": (0, 86_400),
    "metrics_port": (0, 65535),
}

# Scheduling of scenes that are generated together

MAX_BATCH = 32  # scenes in one step of the network; a longer step would delay all of them
TIME_SLICE = 0.04  # of generation between two updates of the page: looks continuous
THROTTLED_FROM = 4  # concurrent scenes; fewer are generated as fast as the CPU allows
WORDS_PER_SECOND = 25  # of each throttled scene, several times the speed of reading
THROTTLE_INTERVAL = 0.12  # between two updates of throttled scenes; 3 words each

# One scene

MAX_TEXT = 12_000  # characters of any script, written or sent: about ten pages
# JSON may write one character as six (\u0000), twice where a person typed the whole text.
MAX_SCENE_JSON = 16 * MAX_TEXT
MAX_LENGTH = 1000  # words and punctuation: about five pages
# Of a line that is rewritten, and after a scene's length until its last line ends; longer speeches
# are rare in any script.
MAX_LINE_TOKENS = 120
MAX_CAST = 40  # names; more than any scene has
MAX_NEXT_SPEAKERS = 200  # names; a ban of one speaker lists all others, and a bundle has 200
MAX_TAKES = 5  # of one scene at the same time; all of them share the CPU
DEFAULT_TAKES = 3  # of the page
MAX_PROMPT_TEXT = 6_000  # characters of a prompt that are read; the network would forget more
# (smallest, largest) of each sampling option. Fields of type int take whole numbers only.
OPTION_RANGES: dict[str, tuple[float, float]] = {
    "length": (0, MAX_LENGTH),
    "temperature": (0, 2),  # above 2 the words are close to random
    "top_k": (0, 1000),  # the tail beyond 1,000 words has next to no probability
    "top_p": (0.01, 1),
    "min_p": (0, 1),
    "repetition_penalty": (1, 2),  # below 1 it would reward repetition
    "no_repeat_ngram_size": (0, 100),
    "seed": (0, 2**31 - 1),  # the random number generator's range
}
# The no-repeat n-gram size of a scene below this temperature that sets neither it nor a repetition
# penalty: without a rule, half of the 8-grams repeat at 0, a quarter at 0.3, a tenth at 0.4.
LOW_TEMPERATURE = 0.4
LOW_TEMPERATURE_NO_REPEAT = 4
RANDOM_SEEDS = 10**6  # a seed that is drawn has at most 6 digits, to be read and typed

# Answers

MAX_ALTERNATIVES = 50  # words; the page shows 8
PAGE_ALTERNATIVES = 8  # fit on a phone's screen
MAX_UNKNOWN_WORDS = 50
MAX_SHOWN_UNKNOWN_WORDS = 8  # in one line below the scene
MAX_EVALUATIONS = 200  # of a training run in its chart; more would only add to the page's size
MAX_PLOTTED = 1000  # nats or epochs; a loss above 20 is worse than chance
MAX_SHOWN_VALUE = 40  # characters of a wrong value that an error message repeats

# The page's text fields, in characters. The browser enforces them; the server checks MAX_TEXT.

MAX_SETTING = 200
MAX_FIRST_LINE = 2000
MAX_SEED_DIGITS = 10
CAST_BUTTONS = 10  # speakers shown as buttons; the others are in a list
# The largest values of two sliders; the API allows larger ones, which have little effect.
SLIDER_MAXIMA = {"top_k": 200, "no_repeat_ngram_size": 20}
MIN_SLIDER_TOKENS = 10  # the slider's shortest scene
