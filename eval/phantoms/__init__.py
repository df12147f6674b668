"""Cohorts with known truth: real DICOM series, reports, labels and masks, made from a seed."""
