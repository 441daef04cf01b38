"""Meta Marketing API versions. Meta gives the Marketing API about a year, less than the Graph API it is part of.

https://developers.facebook.com/docs/graph-api/changelog/versions
"""

from datetime import date

from passerelle.connectors.destinations.api_version import ApiVersion

LINK = "https://developers.facebook.com/docs/graph-api/changelog/versions"
CURRENT = "v26.0"
VERSIONS = {
    "v24.0": ApiVersion("v24.0", date(2025, 10, 8), date(2026, 10, 6), LINK),
    "v25.0": ApiVersion("v25.0", date(2026, 2, 18), date(2027, 2, 18), LINK, estimated=True),
    "v26.0": ApiVersion("v26.0", date(2026, 7, 29), date(2027, 7, 29), LINK, estimated=True),
}
