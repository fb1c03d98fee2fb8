"""The house view as tables that can be edited as text and read back: weights of a model, products, substitutes."""

from collections.abc import Iterable

from portfolios.selectors.house_view import HouseView
from portfolios.selectors.screens import ScreenRow


def weights_table(view: HouseView, model_id: int) -> str:
    """Write the weights of a model in per cent."""
    rows = view.models.get(model_id, {})
    lines = [f"{view.symbol(key)},{(weight * 100).normalize():f}" for key, weight in rows.items()]
    return "\n".join(["symbol,weight", *lines, ""])


def products_table(view: HouseView) -> str:
    """Write what fills the classes; models by their key."""
    lines = [
        ",".join(
            (
                view.classes[row.asset_class_id].key,
                row.tax_status or "all",
                f"{row.min_account_usd.normalize():f}",
                view.symbol(row.security_id) if row.security_id else view.model_keys[row.security_model_id or 0],
            )
        )
        for row in view.products
    ]
    return "\n".join(["asset_class,tax_status,min_account,use", *lines, ""])


def substitutes_table(view: HouseView) -> str:
    """Write the approved substitutes."""
    lines = [
        ",".join(
            (
                view.symbol(row.security_id),
                view.symbol(row.use_id),
                str(row.rank),
                f"{row.hurdle_bps.normalize():f}",
                "yes" if row.is_hold_only else "no",
            )
        )
        for row in view.substitutes
    ]
    return "\n".join(["symbol,use,rank,hurdle_bps,hold_only", *lines, ""])


def screens_table(rows: Iterable[ScreenRow]) -> str:
    """Write who is in which screen."""
    lines = [",".join(_quoted(cell) for cell in (row.name, row.kind, row.subject)) for row in rows]
    return "\n".join(["screen,kind,subject", *lines, ""])


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if "," in cell or '"' in cell else cell
