"""The version of each file format. All readers and writers take it from here.

A reader refuses a file of another version with one line that says how to make a new one.
"""

VOCABULARY = 2  # vocab.json: `data.vocab`
CORPUS = 5  # manifest.json of a prepared corpus: `data.corpus`
CHECKPOINT = 2  # checkpoint.pt and resume.pt: `job.checkpoint`
REPORT = 2  # report.json: `job.report.build`
MANIFEST = 3  # manifest.json of an exported bundle: `export.manifest`
SCENE = 3  # the JSON of a scene: `serve.scenes.scene`
