"""python -m job.report: measures a trained model and writes report.html and report.json."""
