"""Values of the database as JSON has them: plain numbers, UTC times with offset, null for what is undefined."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from fastapi.responses import JSONResponse


def plain(value: Any) -> Any:
    """Return ``value`` with only JSON's own types inside."""
    if isinstance(value, float | Decimal):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date | UUID):
        return str(value)
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def answer(value: Any, status: int = 200) -> JSONResponse:
    """Return a JSON answer."""
    return JSONResponse(plain(value), status_code=status)
