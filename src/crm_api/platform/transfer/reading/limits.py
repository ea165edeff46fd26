"""The sizes beyond which a file, a row or a field is refused."""

from typing import Final

MAX_FILE_BYTES: Final = 1 << 30
MAX_COLUMNS: Final = 512

MAX_ROW_CHARS: Final = 1_000_000
MAX_FIELD_CHARS: Final = 100_000
# Longer quoted text is taken for a quote that nobody closed.
MAX_LINES_IN_ROW: Final = 1_000

MAX_ZIP_ENTRIES: Final = 10_000
MAX_ZIP_DIRECTORY_BYTES: Final = 4 << 20
MAX_UNZIPPED_BYTES: Final = 1 << 30
MAX_ZIP_RATIO: Final = 200
ZIP_RATIO_FLOOR_BYTES: Final = 10_000_000
MAX_SHEET_BYTES: Final = 256 << 20
# The rows of larger workbooks are not told from blank ones while the upload waits.
EXACT_SHEET_BYTES: Final = 1 << 20
MAX_SHARED_STRINGS: Final = 5_000_000
