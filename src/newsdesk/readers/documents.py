"""Recognize files that hold no articles, or not as text, by their first bytes or their members."""

from __future__ import annotations

import re
import zipfile

from newsdesk.readers.archives import read_member_start
from newsdesk.readers.encodings import BLANK_LINE

WORKBOOK = "a workbook"  # of Excel or OpenDocument, which `formats.sheets` reads

_SAVE_AS_TEXT = "save it as text"
_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (rb"%PDF-", f"a PDF document; {_SAVE_AS_TEXT}"),
    (rb"\{\\rtf", f"an RTF document; {_SAVE_AS_TEXT}"),
    (rb"%!PS", f"a PostScript document; {_SAVE_AS_TEXT}"),
    (rb"AT&TFORM", f"a DjVu document; {_SAVE_AS_TEXT}"),
    (rb"\x89PNG\r\n\x1a\n", "a PNG image"),
    (rb"\xff\xd8\xff", "a JPEG image"),
    (rb"GIF8[79]a", "a GIF image"),
    (rb"RIFF.{4}WEBP", "a WebP image"),
    (rb"BM.{4}\0{4}", "a BMP image"),
    (rb"II\*\0|MM\0\*", "a TIFF image"),
    (rb"8BPS", "a Photoshop image"),
    (rb"\0\0[\x01\x02]\0[^\0]", "an icon"),
    (rb"RIFF.{4}(?:WAVE|AVI )", "audio or video"),
    (rb".{4}ftyp", "audio, video or a HEIC image"),
    (rb"ID3[\x02-\x04]|\xff[\xfb\xf3\xf2]|OggS|fLaC|FORM.{4}AIF|#!AMR", "audio"),
    (rb"\x1a\x45\xdf\xa3|FLV\x01|\0\0\x01[\xba\xb3]", "a video"),
    (rb"SQLite format 3\0", "an SQLite database; export a table as CSV"),
    (rb"\x7fELF|MZ[^\n]{0,80}\0|\xcf\xfa\xed\xfe|\xce\xfa\xed\xfe|\xca\xfe\xba\xbe|\0asm", "a program"),
    (rb"7z\xbc\xaf\x27\x1c", "a 7z archive; pack it as zip"),
    (rb"Rar!\x1a\x07", "a RAR archive; pack it as zip"),
    (rb"\x04\x22\x4d\x18|LZIP\x01|\x1f\x9d|\xff\x06\0\0sNaPpY", "compressed otherwise; use gzip"),
    (rb"MSCF\0|!<arch>\n|\xed\xab\xee\xdb", "a software package"),
    (rb"ARROW1|FEA1", "an Arrow file; save it as Parquet"),
    (rb"Obj\x01", "an Avro file; save it as Parquet"),
    (rb"ORC[\0-\x08\x0b-\x1f]", "an ORC file; save it as Parquet"),
    (rb"\x89HDF\r\n", "an HDF5 file; save it as Parquet"),
    (rb"\x93NUMPY", "a NumPy array; save it as Parquet"),
    (rb"\x80[\x02-\x05][\x95\]}c(KX]", "a Python pickle; save it as Parquet"),
    (rb"bplist0\d", "a Safari web archive or another property list; save the page as HTML"),
    (
        rb"(?>--[^\n]*\n|/\*(?>.*?\*/);?|\s)*"
        rb"(?:CREATE (?:TABLE|DATABASE)|INSERT INTO|DROP TABLE|PRAGMA|BEGIN TRANSACTION)\b",
        "an SQL dump; export a table as CSV",
    ),
    (rb"(?:---\s*\n)?- \w+: [^\n]*\n  \w+:", "a YAML list; save it as JSON"),
    (rb"BEGIN:V(?:CALENDAR|CARD|EVENT)", "a calendar or an address book"),
    (rb"WEBVTT\b|1\r?\n\d\d:\d\d:\d\d,\d+ -->", "subtitles; save them as text"),
    (rb"From \S+[^\n]*\d{4}\r?\n[!-9;-~]+:", "a mailbox; save each message as .eml"),
)  # fmt: skip
_COMPILED = tuple((re.compile(pattern, re.S), name) for pattern, name in _SIGNATURES)

_BY_MIMETYPE = {
    b"application/vnd.oasis.opendocument.spreadsheet": WORKBOOK,
    b"application/vnd.oasis.opendocument.text": f"an OpenDocument text; {_SAVE_AS_TEXT}",
    b"application/vnd.oasis.opendocument": f"an OpenDocument file; {_SAVE_AS_TEXT}",
    b"application/epub+zip": f"an EPUB book; {_SAVE_AS_TEXT}",
}
_BY_FOLDER = {
    "xl/": WORKBOOK,
    "word/": f"a Word document; {_SAVE_AS_TEXT}",
    "ppt/": f"a PowerPoint presentation; {_SAVE_AS_TEXT}",
    "visio/": f"a Visio drawing; {_SAVE_AS_TEXT}",
}
_BY_OLE_ENTRY = {
    "EncryptedPackage": "an encrypted Office document; save it without a password",
    "WordDocument": f"a Word document; {_SAVE_AS_TEXT}",
    "PowerPoint Document": f"a PowerPoint presentation; {_SAVE_AS_TEXT}",
    "__properties_version1.0": "an Outlook message; save it as .eml",
    "Workbook": WORKBOOK,
    "Book": WORKBOOK,
}


def find_signature(head: bytes) -> str | None:
    """Return what a file is by its first bytes, None if it may hold articles."""
    starts = (head, head.lstrip(BLANK_LINE))
    return next((name for start in starts for pattern, name in _COMPILED if pattern.match(start)), None)


def zip_document(archive: zipfile.ZipFile) -> str | None:
    """Return what a zip archive is by its members, None for an archive of other files."""
    names = archive.namelist()
    if "mimetype" in names:
        content = read_member_start(archive, "mimetype")
        for mimetype, name in _BY_MIMETYPE.items():
            if content.startswith(mimetype):
                return name
    if "[Content_Types].xml" in names:
        for folder, name in _BY_FOLDER.items():
            if any(each.startswith(folder) for each in names):
                return name
        return f"an Office document; {_SAVE_AS_TEXT}"
    if any(name.endswith(".iwa") for name in names):
        return f"a document of Apple's Pages, Numbers or Keynote; {_SAVE_AS_TEXT}"
    return None


def ole_document(content: bytes) -> str:
    """Return what an OLE file is, as Office wrote them until 2003, by the names of its entries."""
    for entry, name in _BY_OLE_ENTRY.items():
        if f"{entry}\0".encode("utf-16-le") in content:
            return name
    return f"an old Office document; {_SAVE_AS_TEXT}"
