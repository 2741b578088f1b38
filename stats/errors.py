"""What the best sellers may refuse."""

from django.utils.translation import gettext_lazy as _

from common.errors import DomainError


class UnknownCategory(DomainError):
    """There is no category of that slug."""

    status = 400
    code = "invalid_choice"
    attr = "category"
    message = _("There is no such category.")

    def __init__(self) -> None:
        super().__init__(attr=self.attr)
