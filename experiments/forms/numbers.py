"""A number as people write it: .713 and 71.3 % mean the same."""

from typing import Any

from django import forms


class ShareField(forms.FloatField):
    """Takes a percent sign; everything else is a plain number."""

    widget = forms.TextInput

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return {"inputmode": "decimal"}

    def clean(self, value: Any) -> Any:
        text = value.strip() if isinstance(value, str) else ""
        if not text.endswith("%"):
            return super().clean(value)
        return round(super().clean(text.removesuffix("%").strip()) / 100, 12)
