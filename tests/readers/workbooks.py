"""Write small workbooks as Excel and LibreOffice do."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

Rows = Sequence[Sequence[object]]
TABLE: Rows = [["id", "title", "text", "date"], [7, "عنوان", "نص الخبر", "2024-01-02"]]


def xlsx(sheets: Mapping[str, Rows]) -> bytes:
    """Return an Excel workbook; a row may be empty, and a cell None."""
    names = list(enumerate(sheets, start=1))
    package = "http://schemas.openxmlformats.org/package/2006"
    office = "http://schemas.openxmlformats.org/officeDocument/2006"
    main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r" Target="xl/workbook.xml"'
        f' Type="{office}/relationships/officeDocument"/></Relationships>',
        "xl/workbook.xml": f'<workbook {main} xmlns:r="{office}/relationships"><sheets>'
        + "".join(f'<sheet name={quoteattr(name)} sheetId="{k}" r:id="r{k}"/>' for k, name in names)
        + "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships">'
        + "".join(
            f'<Relationship Id="r{k}" Target="worksheets/sheet{k}.xml" Type="{office}/relationships/worksheet"/>'
            for k, _ in names
        )
        + "</Relationships>",
    }
    for k, name in names:
        rows = "".join(_row(n, row) for n, row in enumerate(sheets[name], start=1))
        parts[f"xl/worksheets/sheet{k}.xml"] = f"<worksheet {main}><sheetData>{rows}</sheetData></worksheet>"
    return packed(parts)


def _row(number: int, row: Sequence[object]) -> str:
    cells = "".join(
        _cell(f"{chr(65 + k)}{number}", value) for k, value in enumerate(row) if value is not None
    )
    return f'<row r="{number}">{cells}</row>'


def _cell(at: str, value: object) -> str:
    if isinstance(value, (int, float)):
        return f'<c r="{at}"><v>{float(value)}</v></c>'
    return f'<c r="{at}" t="inlineStr"><is><t>{escape(str(value))}</t></is></c>'


def ods(rows: Rows, *, repeated: int = 1) -> bytes:
    """Return an OpenDocument sheet; the last row and its last cell are repeated."""
    spaces = "urn:oasis:names:tc:opendocument:xmlns"
    cells = [
        "".join(
            f'<table:table-cell table:number-columns-repeated="{repeated}" office:value-type="string">'
            f"<text:p>{escape(str(value))}</text:p></table:table-cell>"
            for value in row
        )
        for row in rows
    ]
    body = "".join(
        f'<table:table-row table:number-rows-repeated="{repeated}">{row}</table:table-row>' for row in cells
    )
    content = (
        f'<office:document-content xmlns:office="{spaces}:office:1.0" xmlns:table="{spaces}:table:1.0"'
        f' xmlns:text="{spaces}:text:1.0"><office:body><office:spreadsheet><table:table table:name="أخبار">{body}'
        "</table:table></office:spreadsheet></office:body></office:document-content>"
    )
    mimetype = "application/vnd.oasis.opendocument.spreadsheet"
    manifest = f'<manifest:manifest xmlns:manifest="{spaces}:manifest:1.0"/>'
    return packed({"mimetype": mimetype, "content.xml": content, "META-INF/manifest.xml": manifest})


def packed(parts: Mapping[str, str | bytes]) -> bytes:
    """Return a zip archive of some parts."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return sink.getvalue()
