"""Runs in Prefect: by hand as a flow, or fired by a schedule.

Prefect schedules and shows; it carries no rows and is never the truth. Nothing else imports it.
"""

import os

# Prefect reads these when it is imported. What the user has set stays.
for _name, _value in {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
    "PREFECT_CLI_PROMPT": "false",
}.items():
    os.environ.setdefault(_name, _value)
