"""What is made sure of before anything is recorded."""

from bentoml.exceptions import BentoMLConfigException

from framework.record.folder import RecordFolder
from serving.settings import Settings
from serving.settings.spelling import PREFIX


def require_record_folder(settings: Settings) -> None:
    """Makes the record's folder, if there is to be a record.

    Raises:
        BentoMLConfigException: It cannot be written.
    """
    if settings.record is None:
        return
    try:
        RecordFolder(settings.record).create()
    except OSError as error:
        raise BentoMLConfigException(
            f"{PREFIX}RECORD={settings.record} must be a folder that can be written: "
            f"{error.strerror or error}"
        ) from None
