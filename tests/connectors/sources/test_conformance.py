"""Every source keeps every promise of the contract."""

import pytest

from passerelle.connectors.contract.conformance import conformance
from tests.connectors.sources.fake_brevo import BrevoWorld
from tests.connectors.sources.fake_ga4 import Ga4World
from tests.connectors.sources.fake_hubspot import HubSpotWorld
from tests.connectors.sources.fake_klaviyo import KlaviyoWorld
from tests.connectors.sources.fake_mailchimp import MailchimpWorld
from tests.connectors.sources.fake_matomo import MatomoWorld
from tests.connectors.sources.fake_pipedrive import PipedriveWorld
from tests.connectors.sources.fake_prestashop import PrestaWorld
from tests.connectors.sources.fake_salesforce import SalesforceWorld
from tests.connectors.sources.fake_shopify import ShopifyWorld
from tests.connectors.sources.fake_stripe import StripeWorld
from tests.connectors.sources.fake_woocommerce import WooWorld
from tests.connectors.sources.worlds import FilesWorld, SqlWorld

test_csv = conformance(FilesWorld)
test_json_lines = conformance(lambda folder: FilesWorld(folder, ending="jsonl"))
test_parquet = conformance(lambda folder: FilesWorld(folder, ending="parquet"))
test_sqlite = conformance(SqlWorld)
test_pipedrive_persons = conformance(PipedriveWorld)
test_hubspot_contacts = conformance(HubSpotWorld)
test_klaviyo_profiles = conformance(KlaviyoWorld)
test_mailchimp_members = conformance(MailchimpWorld)
test_brevo_contacts = conformance(BrevoWorld)
test_shopify_customers = conformance(ShopifyWorld)
test_shopify_customers_by_job = conformance(lambda folder: ShopifyWorld(folder, bulk=True))
test_salesforce_contacts = conformance(SalesforceWorld)
test_woocommerce_customers = conformance(WooWorld)
test_ga4_activity = conformance(Ga4World)
test_stripe_customers = conformance(StripeWorld)
test_prestashop_customers = conformance(PrestaWorld)
test_matomo_visits = conformance(MatomoWorld)

# Most promises are the vendor's connector's, whichever resource: the others are held to them in the slow group.
test_pipedrive_deals = pytest.mark.slow(conformance(lambda folder: PipedriveWorld(folder, "deals")))
test_hubspot_opt_outs = pytest.mark.slow(conformance(lambda folder: HubSpotWorld(folder, "opt_outs")))
test_hubspot_deals = pytest.mark.slow(conformance(lambda folder: HubSpotWorld(folder, "deals")))
test_klaviyo_events = pytest.mark.slow(conformance(lambda folder: KlaviyoWorld(folder, "placed_order")))
test_brevo_blocked = pytest.mark.slow(conformance(lambda folder: BrevoWorld(folder, "blocked")))
test_shopify_orders = pytest.mark.slow(conformance(lambda folder: ShopifyWorld(folder, "orders")))
test_shopify_orders_by_job = pytest.mark.slow(conformance(lambda folder: ShopifyWorld(folder, "orders", bulk=True)))
test_salesforce_leads = pytest.mark.slow(conformance(lambda folder: SalesforceWorld(folder, "leads")))
test_salesforce_deals = pytest.mark.slow(conformance(lambda folder: SalesforceWorld(folder, "deals")))
test_salesforce_individuals = pytest.mark.slow(conformance(lambda folder: SalesforceWorld(folder, "individuals")))
test_salesforce_consents = pytest.mark.slow(conformance(lambda folder: SalesforceWorld(folder, "consents_1")))
test_woocommerce_orders = pytest.mark.slow(conformance(lambda folder: WooWorld(folder, "orders")))
test_stripe_charges = pytest.mark.slow(conformance(lambda folder: StripeWorld(folder, "charges")))
test_ga4_audiences = pytest.mark.slow(conformance(lambda folder: Ga4World(folder, "audience_buyers")))
test_prestashop_orders = pytest.mark.slow(conformance(lambda folder: PrestaWorld(folder, "orders")))
