"""The elements of an OFX file put together: the institution, its investment statements row by row, the securities."""

from dataclasses import dataclass, field

from portfolios.custodians.cells import FaultLog
from portfolios.custodians.decoding import MAX_ROWS, Unreadable
from portfolios.custodians.ofx_reader import Token, tokens_of

MAX_DEPTH = 40
TRADES = frozenset(
    "BUYDEBT BUYMF BUYOPT BUYOTHER BUYSTOCK CLOSUREOPT INCOME INVEXPENSE JRNLFUND JRNLSEC MARGININTEREST REINVEST"
    " RETOFCAP SELLDEBT SELLMF SELLOPT SELLOTHER SELLSTOCK SPLIT TRANSFER".split()
)
POSITIONS = frozenset("POSDEBT POSMF POSOPT POSOTHER POSSTOCK".split())
SECURITIES = frozenset("DEBTINFO MFINFO OPTINFO OTHERINFO STOCKINFO".split())
CASH_ROWS = frozenset({"INVBANKTRAN"})
_ROWS = TRADES | POSITIONS | SECURITIES | CASH_ROWS | {"BAL", "INVBAL"}
_STATEMENTS = frozenset({"INVSTMTRS"})
_OTHER_STATEMENTS = frozenset({"STMTRS", "CCSTMTRS"})
_INSIDE = frozenset(
    "BALLIST BANKACCTTO BANKMSGSRSV1 BANKTRANLIST CCACCTTO CCSTMTTRNRS CREDITCARDMSGSRSV1 CURRENCY DEBTPOSITION FI"
    " INV401K INV401KBAL INVACCTFROM INVBUY INVOOLIST INVPOS INVPOSLIST INVSELL INVSTMTMSGSRSV1 INVSTMTTRNRS INVTRAN"
    " INVTRANLIST OFX ORIGCURRENCY PAYEE SECID SECINFO SECLIST SECLISTMSGSRSV1 SECLISTTRNRS SIGNONMSGSRSV1 SONRS STATUS"
    " STMTTRN STMTTRNRS BANKACCTFROM CCACCTFROM LEDGERBAL AVAILBAL MFASSETCLASS FIMFASSETCLASS PORTION"
    " FIPORTION".split()
)
_AGGREGATES = _ROWS | _STATEMENTS | _OTHER_STATEMENTS | _INSIDE
_SECTIONS = frozenset({"INVTRANLIST", "INVPOSLIST", "INVBAL"})
_SET_APART = frozenset({"ORIGCURRENCY", "STATUS", "PAYEE", "BANKACCTTO", "CCACCTTO", "INVOOLIST"})


@dataclass(slots=True, kw_only=True)
class OfxRow:
    """One row: its element, line and values by name, each once; `repeated` names what stands in it twice."""

    tag: str
    line: int
    values: dict[str, str] = field(default_factory=dict)
    repeated: str = ""


@dataclass(slots=True, kw_only=True)
class OfxStatement:
    """One investment statement: what it says of itself, the sections that it has, its rows in order."""

    line: int
    values: dict[str, str] = field(default_factory=dict)
    sections: set[str] = field(default_factory=set)
    rows: list[OfxRow] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class OfxDocument:
    """One response: `institution` is ORG and FID as the sign-on says; other statements are only counted."""

    institution: str = ""
    statements: list[OfxStatement] = field(default_factory=list)
    securities: list[OfxRow] = field(default_factory=list)
    other_statements: int = 0


def read_document(text: str, *, log: FaultLog) -> OfxDocument:
    """
    Read a whole response, element by element.

    :raises Unreadable: not OFX, cut off, an element ends that did not begin, too deep or too many rows
    """
    builder = _Builder(log=log)
    for token in tokens_of(text):
        builder.take(token)
    return builder.document


@dataclass(slots=True, kw_only=True)
class _Builder:
    """
    Pairs begins and ends; an unknown element without text may be one that is empty, and then has no end.

    `open` are the elements that have not ended, with their lines; `apart` those of them whose values stand apart.
    """

    log: FaultLog
    document: OfxDocument = field(default_factory=OfxDocument)
    open: list[tuple[str, int]] = field(default_factory=list)
    apart: list[str] = field(default_factory=list)
    statement: OfxStatement | None = None
    rows: list[tuple[OfxRow, int]] = field(default_factory=list)
    row_count: int = 0
    leaf: str = ""

    def take(self, token: Token) -> None:
        leaf, self.leaf = self.leaf, ""
        if token.is_end:
            if token.name != leaf:
                self._end(token)
        elif token.value:
            self.leaf = token.name
            self._keep(token)
        else:
            self._begin(token)

    def _begin(self, token: Token) -> None:
        self.open.append((token.name, token.line))
        if token.name in _SET_APART:
            self.apart.append(token.name)
        if len(self.open) > MAX_DEPTH:
            raise Unreadable("The elements are nested too deeply for an OFX file.", row=token.line)
        if token.name in _STATEMENTS:
            self.statement = OfxStatement(line=token.line)
            self.document.statements.append(self.statement)
        elif token.name in _OTHER_STATEMENTS:
            self.document.other_statements += 1
        elif self.statement is not None and token.name in _SECTIONS:
            self.statement.sections.add(token.name)
        if token.name in _ROWS and self._begins_row(token.name):
            self._begin_row(token)

    def _begins_row(self, name: str) -> bool:
        return name in SECURITIES or self.statement is not None

    def _begin_row(self, token: Token) -> None:
        self.row_count += 1
        if self.row_count > MAX_ROWS:
            raise Unreadable(f"The file has more than {MAX_ROWS:,} rows; split it.", row=token.line)
        row = OfxRow(tag=token.name, line=token.line)
        self.rows.append((row, len(self.open)))
        if token.name in SECURITIES:
            self.document.securities.append(row)
        elif self.statement is not None:
            self.statement.rows.append(row)

    def _end(self, token: Token) -> None:
        """End an element; elements that were empty and never ended end with it."""
        while self.open and self.open[-1][0] != token.name:
            left = self.open[-1][0]
            if left in _AGGREGATES or all(name != token.name for name, _ in self.open):
                self._refuse_end(token)
            self._close(self.open.pop())
        if not self.open:
            self._refuse_end(token)
        self._close(self.open.pop())

    def _refuse_end(self, token: Token) -> None:
        told = f"<{self.open[-1][0]}> of line {self.open[-1][1]} has not ended" if self.open else "nothing is open"
        raise Unreadable(f"</{token.name}> ends here, but {told}; the file is damaged or cut off.", row=token.line)

    def _close(self, ended: tuple[str, int]) -> None:
        if ended[0] in _STATEMENTS:
            self.statement = None
        if ended[0] in _SET_APART:
            self.apart.pop()
        if self.rows and len(self.open) < self.rows[-1][1]:
            self.rows.pop()

    def _keep(self, token: Token) -> None:
        name = f"{self.apart[0]}/{token.name}" if self.apart else token.name
        if self.rows:
            self._keep_in_row(self.rows[-1][0], name, token)
        elif self.statement is not None:
            self.statement.values.setdefault(name, token.value)
        elif name in ("ORG", "FID") and self.open and self.open[-1][0] == "FI":
            self.document.institution = " ".join((self.document.institution, token.value)).strip()
        elif name == "STATUS/SEVERITY" and token.value.upper() == "ERROR":
            self.log.error(
                "The institution refused the request: the file holds its error, no statement.", row=token.line
            )

    def _keep_in_row(self, row: OfxRow, name: str, token: Token) -> None:
        if name not in row.values:
            row.values[name] = token.value
        elif row.tag not in SECURITIES:
            row.repeated = row.repeated or name
