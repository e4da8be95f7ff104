"""The schema as ordered SQL files: ``NNNN_name.up.sql``, its way back ``NNNN_name.down.sql``, and repeatable steps.

``tasks.database.migrate`` applies them. A file that was applied somewhere is never edited; a change is a new file.
"""

from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
"""Where the SQL files are."""
