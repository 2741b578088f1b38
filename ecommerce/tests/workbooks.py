"""Excel files made by hand, part by part: what no program would write, or only one of them."""

import io
from collections.abc import Mapping
from zipfile import ZIP_DEFLATED, ZipFile

SPREADSHEET = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
RELATIONSHIPS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = 'xmlns="http://schemas.openxmlformats.org/package/2006/relationships"'

Parts = dict[str, str | bytes]


def parts_of(
    rows: str = "",
    *,
    strings: str = "",
    formats: Mapping[int, str] | None = None,
    sheets: str = '<sheet name="a" sheetId="1" r:id="r1"/>',
    workbook: str = "",
    before: str = "",
    after: str = "",
) -> Parts:
    """The parts of a book whose first sheet has these rows; style n is the nth of `formats`."""
    codes = formats or {}
    return {
        "_rels/.rels": _relationships({"r1": ("officeDocument", "xl/workbook.xml")}),
        "xl/workbook.xml": (
            f'<workbook {SPREADSHEET} xmlns:r="{RELATIONSHIPS}">'
            f"<sheets>{sheets}</sheets>{workbook}</workbook>"
        ),
        "xl/_rels/workbook.xml.rels": _relationships(
            {
                "r1": ("worksheet", "worksheets/sheet1.xml"),
                "r2": ("worksheet", "/xl/worksheets/sheet2.xml"),
                "r8": ("sharedStrings", "sharedStrings.xml"),
                "r9": ("styles", "styles.xml"),
            }
        ),
        "xl/sharedStrings.xml": f"<sst {SPREADSHEET}>{strings}</sst>",
        "xl/styles.xml": (
            f"<styleSheet {SPREADSHEET}><numFmts>"
            + "".join(
                f'<numFmt numFmtId="{number}" formatCode="{_quoted(code)}"/>'
                for number, code in codes.items()
                if code
            )
            + '</numFmts><cellStyleXfs><xf numFmtId="9"/></cellStyleXfs><cellXfs><xf numFmtId="0"/>'
            + "".join(f'<xf numFmtId="{number}"/>' for number in codes)
            + "</cellXfs></styleSheet>"
        ),
        "xl/worksheets/sheet1.xml": sheet(rows, before=before, after=after),
        "xl/worksheets/sheet2.xml": sheet(""),
    }


def sheet(rows: str, *, before: str = "", after: str = "") -> str:
    """The part that is a sheet of these rows."""
    return f"<worksheet {SPREADSHEET}>{before}<sheetData>{rows}</sheetData>{after}</worksheet>"


def packed(parts: Parts, compression: int = ZIP_DEFLATED) -> bytes:
    """The parts as one file."""
    file = io.BytesIO()
    with ZipFile(file, "w", compression) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file.getvalue()


def row(number: int, *cells: str, attributes: str = "") -> str:
    """A line of a sheet."""
    return f'<row r="{number}" {attributes}>{"".join(cells)}</row>'


def text(reference: str, value: str) -> str:
    """A cell of text."""
    return f'<c r="{reference}" t="inlineStr"><is><t>{value}</t></is></c>'


def number(reference: str, value: object, style: int = 0) -> str:
    """A cell of a number, in the style of that index."""
    return f'<c r="{reference}" s="{style}"><v>{value}</v></c>'


def _relationships(targets: Mapping[str, tuple[str, str]]) -> str:
    return (
        f"<Relationships {PACKAGE}>"
        + "".join(
            f'<Relationship Id="{key}" Type="{RELATIONSHIPS}/{kind}" Target="{target}"/>'
            for key, (kind, target) in targets.items()
        )
        + "</Relationships>"
    )


def _quoted(code: str) -> str:
    return code.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
