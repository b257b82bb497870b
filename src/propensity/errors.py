"""What can go wrong, each with the exit code that a nightly job sees.

PropensityError
├── UsageError            2   the command line, or an argument
│   └── ConfigError       2   the YAML file
├── DataError             3   the data were refused
│   ├── SourceError       3   a file or table is missing or unreadable
│   │   └── SourceUnavailable  3   a database does not answer, or a file is being written: transient
│   ├── SchemaError       3   columns are missing, or mapped twice
│   ├── ContractError     3   too many rows break a rule
│   ├── LedgerError       3   what was recorded of past nights is damaged
│   ├── HistoryError      3   nothing to learn from: no matured snapshot, one class
│   └── NightRefused      3   the data are stale, reach less far than last night, or a table's rows are off
├── ModelError            4   no usable model
│   ├── BundleError       4   a saved model is damaged or unreadable
│   ├── FeatureMismatch   4   the model wants other features than the data give
│   └── RegistryError     4   the registry has no such model, or does not answer
│       └── RegistryUnavailable  4   it does not answer: transient
├── DeliveryError         5   scored, but the list could not be written
│   └── DeliveryUnavailable  5   the database it goes to does not answer, or was lost: transient
├── StrictError           6   done with warnings, under --strict
├── PromotionRefused      7   a check of the gate speaks against the challenger
└── LockError             8   another run holds the lock

Every message says what is missing, what was found, and the next step. What is `transient` may pass by itself: the same run,
a little later, may succeed.
"""

from __future__ import annotations


class PropensityError(Exception):
    """Base of everything that propensity raises on purpose; `exit_code` is the process's answer."""

    exit_code = 1
    transient = False
    """Whether waiting may help, so that a nightly job tries again."""


class UsageError(PropensityError):
    """The command line or an argument does not fit."""

    exit_code = 2


class ConfigError(UsageError):
    """The configuration file is missing, is no YAML, or says something that cannot be."""


class DataError(PropensityError):
    """The data were refused; nothing was written."""

    exit_code = 3


class SourceError(DataError):
    """A file, database or table is missing, empty or unreadable."""


class SourceUnavailable(SourceError):  # noqa: N818 - the name says what happened
    """A database does not answer, or a file is being written: the same may work a little later."""

    transient = True


class SchemaError(DataError):
    """A required column is missing, or a mapping names a column that does not exist."""


class ContractError(DataError):
    """More rows break the contract's rules than the configuration allows."""


class LedgerError(DataError):
    """What was recorded of past nights, or what reps reported, is damaged or cannot be written."""


class HistoryError(DataError):
    """The history holds nothing to learn from or nothing to score."""


class NightRefused(DataError):  # noqa: N818
    """The data are stale, reach less far than an earlier night's, or a table has far more or fewer rows."""


class ModelError(PropensityError):
    """There is no model that could be used."""

    exit_code = 4


class BundleError(ModelError):
    """A saved model is damaged, incomplete, or of another format."""


class FeatureMismatch(ModelError):  # noqa: N818 - the name says what happened
    """The model was trained on other features than the data and the configuration give."""


class RegistryError(ModelError):
    """The registry does not hold the model that was asked for, or does not answer."""


class RegistryUnavailable(RegistryError):  # noqa: N818
    """The registry does not answer: the same may work a little later."""

    transient = True


class DeliveryError(PropensityError):
    """Leads were scored, but a list could not be written; the scores are kept."""

    exit_code = 5


class DeliveryUnavailable(DeliveryError):  # noqa: N818 - the name says what happened
    """The database that scores go to does not answer, is overloaded, or was lost in the middle; it holds what it held."""

    transient = True


class StrictError(PropensityError):
    """The run ended with warnings, and --strict makes them count."""

    exit_code = 6


class PromotionRefused(PropensityError):  # noqa: N818
    """A check of the gate speaks against the challenger."""

    exit_code = 7


class LockError(PropensityError):
    """Another run holds the lock."""

    exit_code = 8
