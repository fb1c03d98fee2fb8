"""Forms in Trimtab's look: Bootstrap's classes, and every hint and fault tied to its field for screen readers."""

from collections.abc import Iterable

from django import forms
from django.forms.boundfield import BoundField
from django.forms.renderers import TemplatesSetting

_CHECKS = (forms.CheckboxInput,)
_SELECTS = (forms.Select, forms.SelectMultiple)
_BARE = (forms.RadioSelect, forms.CheckboxSelectMultiple)


class FormField(BoundField):
    """A field that knows its classes and its aria attributes."""

    @property
    def is_check(self) -> bool:
        """Tell whether the label stands behind the box."""
        return isinstance(self.field.widget, _CHECKS)

    def css_classes(self, extra_classes: str | Iterable[str] | None = None) -> str:
        """Return the classes of the field's surroundings, which a form names in `field_classes`."""
        named = getattr(self.form, "field_classes", {}).get(self.name, "")
        return " ".join(part for part in (super().css_classes(extra_classes), named) if part)

    def build_widget_attrs(
        self, attrs: dict[str, str | bool], widget: forms.Widget | None = None
    ) -> dict[str, str | bool]:
        """Add the widget's class and, where the field is refused, its fault."""
        built = super().build_widget_attrs(attrs, widget)
        shown = widget or self.field.widget
        if not isinstance(shown, _BARE) and not shown.is_hidden:
            classes = [str(built.get("class") or shown.attrs.get("class") or ""), _class_of(shown)]
            if self.errors:
                classes.append("is-invalid")
            built["class"] = " ".join(part for part in classes if part)
        return built


def _class_of(widget: forms.Widget) -> str:
    if isinstance(widget, _CHECKS):
        return "form-check-input"
    if isinstance(widget, _SELECTS):
        return "form-select"
    return "form-control"


class Renderer(TemplatesSetting):
    """Render forms with the project's own templates; `django.forms` is installed for the widgets."""

    bound_field_class = FormField
    form_template_name = "forms/form.html"
    field_template_name = "forms/field.html"
