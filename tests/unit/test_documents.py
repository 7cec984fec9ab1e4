"""What the documents say is what the program does."""

import pytest
from pydantic import ValidationError

from schemas.internal import OrderImported
from tests.repository import ROOT
from worker.dev.documents import SETTINGS_FILE, settings_document
from worker.runtime.exact_json import read
from worker.settings import Settings, SettingsError, load_settings

SERVERS = {"kafka_bootstrap": "k:9092", "database_url": "postgresql://h/d"}


def test_the_settings_document_is_what_the_settings_say() -> None:
    assert SETTINGS_FILE.read_text("utf-8") == settings_document(), "run: python -m worker.dev.documents"


def test_every_setting_says_what_it_means() -> None:
    silent = [name for name, field in Settings.model_fields.items() if not field.description]
    assert silent == []


def test_the_example_of_orders_to_import_keeps_its_contract() -> None:
    lines = (ROOT / "docs" / "examples" / "open-orders.jsonl").read_bytes().splitlines()
    orders = [OrderImported.model_validate(read(line)[0]) for line in lines]
    assert {order.order_id for order in orders} == {"order-1001", "order-1002"}
    with pytest.raises(ValidationError):
        OrderImported.model_validate({**read(lines[0])[0], "lines": []})  # type: ignore[dict-item]  # JSON


@pytest.mark.parametrize(
    ("setting", "days", "named"),
    [
        ("inbox_retention_days", 7, "INVENTORY_INBOX_RETENTION_DAYS: must be longer than the deadline"),
        ("order_retention_days", 30, "INVENTORY_ORDER_RETENTION_DAYS: must be longer than the inbox"),
        ("ledger_retention_days", 29, "INVENTORY_LEDGER_RETENTION_DAYS: must be longer than the inbox"),
        ("archive_retention_days", 700, "INVENTORY_ARCHIVE_RETENTION_DAYS: must be longer than what"),
    ],
)
def test_nothing_is_forgotten_before_what_depends_on_it(setting: str, days: int, named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        load_settings({**SERVERS, setting: days})
    longer = 10 if setting == "inbox_retention_days" else 1000
    assert load_settings({**SERVERS, setting: longer}).shown()[setting] == longer
