"""Vendors' own clients, reading a fake: run by the interpreter that `install.py` made, as a program of its own.

    python readers.py VENDOR URL TOKEN      prints the rows that the vendor's client sees, as JSON

Each row is a list: number, e-mail, when it last changed, and what else the vendor's client says of consent.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

Row = list[Any]


def hubspot(url: str, token: str) -> Iterator[Row]:
    """Contacts of the list, then the archived ones; and the same ones once more, by search."""
    from hubspot import HubSpot
    from hubspot.crm.contacts import PublicObjectSearchRequest

    contacts = HubSpot(access_token=token, host=url).crm.contacts
    names = ["email", "lastmodifieddate", "hs_email_optout"]
    for archived in (False, True):
        after = None
        while True:
            page = contacts.basic_api.get_page(limit=100, after=after, properties=names, archived=archived)
            for one in page.results:
                said = one.properties
                yield [one.id, said["email"], said["lastmodifieddate"], said["hs_email_optout"], one.archived]
            if page.paging is None:
                break
            after = page.paging.next.after
    request = PublicObjectSearchRequest(
        filter_groups=[{"filters": []}],
        properties=["email"],
        sorts=[{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
        limit=200,
        after="0",
    )
    yield ["total", contacts.search_api.do_search(request).total]


def klaviyo(url: str, token: str) -> Iterator[Row]:
    """Profiles with their subscriptions."""
    from klaviyo_api import KlaviyoAPI

    api = KlaviyoAPI(token, test_host=url.removesuffix("/api"), max_retries=0)
    cursor = None
    while True:
        page = api.Profiles.get_profiles(
            additional_fields_profile=["subscriptions"], sort="updated", page_cursor=cursor
        )
        plain = page if isinstance(page, dict) else page.to_dict()
        for one in plain["data"]:
            attributes = one["attributes"]
            email = ((attributes.get("subscriptions") or {}).get("email") or {}).get("marketing") or {}
            reasons = [str(each["reason"]) for each in email.get("suppression") or ()]
            moment = str(attributes["updated"]).replace(" ", "T").replace("+00:00", "Z")
            yield [one["id"], attributes["email"], moment, email.get("consent"), reasons[:1]]
        following = plain["links"].get("next")
        if not following:
            return
        cursor = parse_qs(urlsplit(str(following)).query)["page[cursor]"][0]


def ga4(url: str, request: str) -> Iterator[Row]:
    """A report by Google's own client, asked as we ask; what is sent and answered must be Google's messages, whole."""
    from urllib.request import Request, urlopen

    from google.analytics.data_v1beta import BetaAnalyticsDataClient, RunReportRequest, RunReportResponse
    from google.analytics.data_v1beta.services.beta_analytics_data.transports import BetaAnalyticsDataRestTransport
    from google.auth.credentials import AnonymousCredentials
    from google.protobuf import json_format

    asked = RunReportRequest(json_format.Parse(request, RunReportRequest.pb(RunReportRequest())))
    asked.property = "properties/1"
    host = url.removeprefix("http://")
    transport = BetaAnalyticsDataRestTransport(host=host, url_scheme="http", credentials=AnonymousCredentials())  # type: ignore[no-untyped-call]
    report = BetaAnalyticsDataClient(transport=transport).run_report(asked)
    for row in report.rows:
        yield [one.value for one in (*row.dimension_values, *row.metric_values)]
    answer = urlopen(Request(f"{url}/v1beta/properties/1:runReport", request.encode(), {"accept": "*/*"})).read()  # noqa: S310
    again = json_format.Parse(answer, RunReportResponse.pb(RunReportResponse()))
    yield ["total", report.row_count, again == RunReportResponse.pb(report)]


def ga4_audience(url: str, request: str) -> Iterator[Row]:
    """An audience's export, begun as we begin it, by Google's own client and messages."""
    from urllib.request import Request, urlopen

    from google.analytics.data_v1beta import AudienceExport, BetaAnalyticsDataClient
    from google.analytics.data_v1beta.services.beta_analytics_data.transports import BetaAnalyticsDataRestTransport
    from google.auth.credentials import AnonymousCredentials
    from google.protobuf import json_format

    json_format.Parse(request, AudienceExport.pb(AudienceExport()))
    answer = json.load(urlopen(Request(f"{url}/v1beta/properties/1/audienceExports", request.encode())))  # noqa: S310
    begun = {name: value for name, value in answer["response"].items() if name != "@type"}
    name = AudienceExport(json_format.ParseDict(begun, AudienceExport.pb(AudienceExport()))).name
    host = url.removeprefix("http://")
    transport = BetaAnalyticsDataRestTransport(host=host, url_scheme="http", credentials=AnonymousCredentials())  # type: ignore[no-untyped-call]
    client = BetaAnalyticsDataClient(transport=transport)
    client.get_audience_export(name=name)
    state = client.get_audience_export(name=name).state.name
    found = client.query_audience_export(name=name)
    for row in found.audience_rows:
        yield [one.value for one in row.dimension_values]
    yield ["total", found.row_count, state]


def salesforce(url: str, token: str) -> Iterator[Row]:
    """Contacts by a job, deleted and merged ones among them."""
    from csv import DictReader
    from io import StringIO

    from simple_salesforce.bulk2 import SFBulk2Handler

    contacts = SFBulk2Handler(token, f"{url}/services/data/v67.0/jobs/").Contact
    names = ["Id", "Email", "SystemModstamp", "HasOptedOutOfEmail", "IsDeleted", "MasterRecordId"]
    soql = f"SELECT {', '.join(names)} FROM Contact"  # noqa: S608 - our own names
    for part in contacts.query_all(soql, max_records=3, wait=0):
        for one in DictReader(StringIO(part)):
            yield [one[name] or None for name in names]


def brevo(url: str, token: str) -> Iterator[Row]:
    """Contacts with their blacklists, then blocked addresses."""
    from brevo import Brevo

    client = Brevo(api_key=token, base_url=url)
    offset = 0
    while True:
        page = client.contacts.get_contacts(limit=1000, offset=offset, sort="asc")
        for one in page.contacts:
            yield [str(one.id), one.email, one.modified_at, one.email_blacklisted, one.sms_blacklisted]
        offset += len(page.contacts)
        if offset >= page.count:
            break
    for blocked in client.transactional_emails.get_transac_blocked_contacts(limit=100, offset=0).contacts or ():
        yield [blocked.email, blocked.reason.code if blocked.reason else None, blocked.blocked_at]


def stripe(url: str, token: str) -> Iterator[Row]:
    """Customers, payments, and events of what became of customers."""
    from stripe import StripeClient

    client = StripeClient(token, base_addresses={"api": url.removesuffix("/v1")}, max_network_retries=0)
    for customer in client.v1.customers.list({"limit": 100}).auto_paging_iter():
        yield [customer.id, customer.email, customer.created, customer.delinquent]
    for charge in client.v1.charges.list({"limit": 100}).auto_paging_iter():
        yield [charge.id, charge.customer, charge.amount, charge.currency]
    types = ["customer.created", "customer.updated", "customer.deleted"]
    for event in client.v1.events.list({"limit": 100, "types": types, "created": {"gte": 0}}).auto_paging_iter():
        yield [event.type, event.data.object["id"], event.created]


if __name__ == "__main__":
    vendor, address, secret = sys.argv[1:]
    readers = {
        "hubspot": hubspot,
        "klaviyo": klaviyo,
        "ga4": ga4,
        "ga4_audience": ga4_audience,
        "salesforce": salesforce,
        "brevo": brevo,
        "stripe": stripe,
    }
    sys.stdout.write(json.dumps(list(readers[vendor](address, secret))))
