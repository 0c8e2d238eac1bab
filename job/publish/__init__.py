"""python -m job.publish: makes a trained base network ready to be shipped."""
