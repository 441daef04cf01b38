"""Google API versions in use: Data Manager for sending, Google Ads for reading sizes and match rates.

https://developers.google.com/google-ads/api/docs/sunset-dates
https://developers.google.com/data-manager/api
"""

from datetime import date

from passerelle.connectors.destinations.api_version import ApiVersion

DATA_MANAGER_LINK = "https://developers.google.com/data-manager/api"
DATA_MANAGER = "v1"
"""Has no announced end; changes come as releases of the same version (1.8 on 2026-07-30)."""

ADS = ApiVersion(
    "v26",
    released=date(2026, 10, 13),
    sunset=date(2027, 10, 13),
    link="https://developers.google.com/google-ads/api/docs/sunset-dates",
    estimated=True,
)
