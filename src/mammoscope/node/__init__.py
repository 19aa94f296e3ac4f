"""A DICOM node: takes mammograms from a PACS, reads them, and sends the results back.

A study's way is ``receiver`` or ``dicomweb`` -> ``queue`` -> ``worker`` -> ``queue`` -> ``sender``;
``service`` runs them side by side. Needs the extra ``[dicom]``.
"""
