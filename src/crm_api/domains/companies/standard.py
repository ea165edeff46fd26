"""The standard reports of companies."""

from crm_api.kit.report_words import completeness

STANDARD_REPORTS = (
    completeness(
        "company",
        "Completeness of companies",
        "industry",
        "website",
        "email",
        "phone",
        "country",
        "employees",
        "annual_revenue",
        "tax_id",
        "source",
    ),
)
