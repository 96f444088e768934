"""What runs offers, one name a line; a name is imported when first used."""

from .audit import audit_run as audit_run
from .audit_report import AuditReport as AuditReport
from .audit_report import Check as Check
from .checkpoint import load_checkpoint as load_checkpoint
from .checkpoint import save_checkpoint as save_checkpoint
from .plots import Plot as Plot
from .plots import draw_plots as draw_plots
from .replicate import STUDIES as STUDIES
from .result_buffer import Coded as Coded
from .result_tables import TABLES as TABLES
from .results import ResultsWriter as ResultsWriter
from .run import resume_run as resume_run
from .run import start_run as start_run
from .run_reader import Run as Run
from .run_reader import read_run as read_run
from .run_summary import notes as notes
from .run_summary import summary_table as summary_table
from .scenario import Scenario as Scenario
from .scenario import builtin_scenarios as builtin_scenarios
from .scenario import load_scenario as load_scenario
from .scenario import scenario_hash as scenario_hash
from .scenario_check import check_scenario as check_scenario
from .study_report import ReportSection as ReportSection
from .study_report import StudyReport as StudyReport
from .yaml_reader import read_yaml as read_yaml
