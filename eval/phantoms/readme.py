"""What stands in README.txt beside a cohort."""

TEXT = """\
Synthetic CT phantoms, {patients} patients of the cohort "{cohort}", seed {seed}. No patient was scanned: bodies, findings, images and
reports were made by a program (scanbank {version}). The same command makes the same bytes:

    scanbank phantom OUT --cohort {cohort} --patients {patients} --seed {seed}{options}

dicom/PATIENT/STUDY/SERIES/IM0001.dcm  CT images; studies are numbered by date, images by InstanceNumber
reports.csv     the report of each study
labels.csv      the true findings of each study, 1 or 0
statements.csv  what the parts of a report say of a finding
references.csv  the image that a part of a report refers to by number (always true)
lesions.csv     each finding as it was made: place, size, and the heights in mm between which it is seen in the first series
series.csv      each series: source, kernel, thickness, tilt, motion, and what looks like a finding and is none (distractors)
masks/nifti     a mask for each series and finding, on the grid of the series; under a tilted gantry the affine is sheared
masks/seg       the same as DICOM Segmentation, one file for each series
cohort.json     counts; written last, so that a folder without it is not finished

Series with uneven steps have their masks in masks/seg only: an affine cannot tell where such images lie. Findings that are no
place of their own, such as midline shift, have no mask.

Into a bank:

    scanbank ingest BANK OUT/dicom --labels OUT/labels.csv --reports OUT/reports.csv
"""
