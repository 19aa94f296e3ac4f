"""Results as DICOM objects: Mammography CAD SR, TID 1500, presentation states, captures.

Needs the extra ``[dicom]``. Only :mod:`mammoscope.dicom_results.kinds` can be imported without it.
"""
