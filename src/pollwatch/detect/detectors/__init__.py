"""Detectors: one module each, and one line here. They know nothing of one another."""

from __future__ import annotations

from pathlib import Path

from pollwatch.detect.detectors.account_from_outside import AccountFromOutside
from pollwatch.detect.detectors.account_new_place import AccountNewPlace
from pollwatch.detect.detectors.beacon import Beacon
from pollwatch.detect.detectors.blind_extraction import BlindExtraction
from pollwatch.detect.detectors.bulk_outflow import BulkOutflow
from pollwatch.detect.detectors.clock_set_back import ClockSetBack
from pollwatch.detect.detectors.credential_stuffing import CredentialStuffing
from pollwatch.detect.detectors.crowd_or_flood import CrowdOrFlood
from pollwatch.detect.detectors.dns_tunnel import DnsTunnel
from pollwatch.detect.detectors.door_survey import DoorSurvey
from pollwatch.detect.detectors.few_a_day import FewADay
from pollwatch.detect.detectors.forced_browsing import ForcedBrowsing
from pollwatch.detect.detectors.impossible_travel import ImpossibleTravel
from pollwatch.detect.detectors.key_elsewhere import KeyElsewhere
from pollwatch.detect.detectors.lateral_movement import LateralMovement
from pollwatch.detect.detectors.record_enumeration import RecordEnumeration
from pollwatch.detect.detectors.record_gaps import RecordGaps
from pollwatch.detect.detectors.session_elsewhere import SessionElsewhere
from pollwatch.detect.detectors.unusual_size import UnusualSize
from pollwatch.detect.interface import Detector

#: Where they lie.
FOLDER = Path(__file__).parent

#: One line per detector that needs no configuration.
ALL: tuple[Detector, ...] = (
    AccountNewPlace(),
    ForcedBrowsing(),
    RecordEnumeration(),
    UnusualSize(),
    BlindExtraction(),
    CrowdOrFlood(),
    FewADay(),
    ImpossibleTravel(),
    KeyElsewhere(),
    DoorSurvey(),
    LateralMovement(),
    Beacon(),
    BulkOutflow(),
    DnsTunnel(),
    AccountFromOutside(),
    CredentialStuffing(),
    RecordGaps(),
    ClockSetBack(),
    SessionElsewhere(),
)  # fmt: skip
