"""The doctor: what is wrong with a network, its data or its training, and what to do."""

from plainnet.inspection.doctor.callback import Doctor
from plainnet.inspection.doctor.diagnosing import diagnose
from plainnet.inspection.doctor.verdicts import Report, Verdict

__all__ = ["Doctor", "Report", "Verdict", "diagnose"]
