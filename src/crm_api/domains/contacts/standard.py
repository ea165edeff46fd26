"""The standard reports of contacts."""

from crm_api.kit.report_words import completeness

STANDARD_REPORTS = (
    completeness(
        "contact",
        "Completeness of contacts",
        "first_name",
        "last_name",
        "email",
        "phone",
        "company_id",
        "title",
        "country",
        "language",
        "source",
    ),
)
