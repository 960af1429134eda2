"""One table as an Excel workbook: the heading bold, frozen and with filters. The same table gives the same bytes.

Only what a table needs of Office Open XML (ECMA-376, parts 1 and 2): a package of seven small files, text in place.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Sequence
from xml.sax.saxutils import escape

from weft.errors import ConfigError

Cell = str | int | float
MOST_ROWS = 1 << 20  # of a sheet, with the heading
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest a ZIP archive knows
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")  # XML 1.0 has no way to write them
_PARTS = {
    "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPES}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_TYPES}.worksheet+xml"/>'
    f'<Override PartName="/xl/styles.xml" ContentType="{_TYPES}.styles+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_RELATIONS}">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_RELATIONS}">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="rId2" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>',
    "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}"><fonts count="2">'
    '<font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill>'
    '</fills><borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>'
    '<cellXfs count="2"><xf/><xf fontId="1" applyFont="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>',
}


def to_xlsx(sheet: str, heading: Sequence[str], rows: Sequence[Sequence[Cell]]) -> bytes:
    """Return a workbook of one sheet.

    Raises:
        ConfigError: more rows than a sheet has.
    """
    if len(rows) >= MOST_ROWS:
        raise ConfigError(f"{len(rows)} rows are more than an Excel sheet takes, {MOST_ROWS - 1}; use the CSV")
    book = (
        f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
        f'<sheet name="{escape(sheet)}" sheetId="1" r:id="rId1"/></sheets></workbook>'
    )
    parts = {**_PARTS, "xl/workbook.xml": book, "xl/worksheets/sheet1.xml": _sheet(heading, rows)}
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), _HEAD + content, zipfile.ZIP_DEFLATED, 3)
    return made.getvalue()


def _sheet(heading: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    last = f"{_letters(len(heading) - 1)}{len(rows) + 1}"
    widths = [min(60, 3 + max(map(len, map(str, column)))) for column in zip(heading, *rows[:500], strict=True)]
    columns = "".join(
        f'<col min="{n}" max="{n}" width="{width}" customWidth="1"/>' for n, width in enumerate(widths, 1)
    )
    pane = '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>'
    return "".join(
        [
            f'<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">{pane}</sheetView></sheetViews>',
            f"<cols>{columns}</cols><sheetData>",
            *_rows([heading], style=' s="1"'),
            *_rows(rows),
            f'</sheetData><autoFilter ref="A1:{last}"/></worksheet>',
        ]
    )


def _rows(rows: Iterable[Sequence[Cell]], style: str = "") -> Iterable[str]:
    for row in rows:
        cells = []
        for cell in row:
            if isinstance(cell, str):
                text = escape(_UNPRINTABLE.sub("", cell))
                cells.append(f'<c{style} t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>')
            else:
                cells.append(f"<c{style}><v>{cell!r}</v></c>")
        yield f"<row>{''.join(cells)}</row>"


def _letters(column: int) -> str:
    """Return Excel's name of a column, counted from 0: A, B ... Z, AA."""
    name = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        name = chr(ord("A") + rest) + name
    return name
