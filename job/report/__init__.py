"""python -m job.report: judges a trained model on one page."""
