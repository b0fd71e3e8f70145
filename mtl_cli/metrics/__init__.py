"""Exact metrics, one file per subject: `auc.py` holds AUC, `calibration.py` ECE, ..."""
