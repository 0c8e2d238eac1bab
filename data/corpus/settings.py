"""Settings of a prepared corpus, and the resources that preparing it may use."""

import dataclasses

from data.command_line import UserError

BLOCK_BYTES = 1 << 19  # text processed at a time; bounds the memory of a process
SHARD_BYTES = 8 << 20  # text of a shard; an interruption loses at most the shards in progress
MAX_WORDS = 1_000_000  # distinct words counted in memory, about 150 MB; more spill to disk


@dataclasses.dataclass(frozen=True)
class Settings:
    """What a prepared corpus depends on, besides its texts. Each field is a flag of prepare."""

    min_count: int = 2
    vocab_size: int = 50_000
    valid_fraction: float = 0.05
    valid: str = ""
    format: str = ""  # of all files; "" detects it by the content of each
    columns: str = ""  # of tables: "character=Name,dialogue=Line"
    strict: bool = False  # whether a file in a folder that is no script is refused, not skipped

    def __post_init__(self) -> None:
        if self.min_count < 1:
            raise UserError(f"--min-count must be at least 1, not {self.min_count}")
        if self.vocab_size != 0 and self.vocab_size < 2:
            raise UserError(f"--vocab-size must be 0 or at least 2, not {self.vocab_size}")
        if not 0 < self.valid_fraction <= 0.5:
            rule = "above 0 and at most 0.5"
            raise UserError(f"--valid-fraction must be {rule}, not {self.valid_fraction}")


@dataclasses.dataclass(frozen=True)
class Resources:
    """Processes and memory for preparing a corpus. The corpus is the same for all values."""

    processes: int = 1
    block_bytes: int = BLOCK_BYTES
    shard_bytes: int = SHARD_BYTES
    max_words: int = MAX_WORDS
