"""DICOM: tags, grey values, geometry."""
