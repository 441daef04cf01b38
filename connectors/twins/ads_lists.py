"""Customer lists of the Ads API: the same lists that Data Manager knows, made by one mutation at a time."""

from google.ads.googleads.v26.services.types import user_list_service

from passerelle.connectors.twins.ads_errors import AdsRefusal
from passerelle.connectors.twins.faults import Fault
from passerelle.connectors.twins.messages import Message
from passerelle.connectors.twins.world import World

CONTACT_INFO = 2
LONGEST_DAYS = 540


class AdsLists:
    """Makes lists. Raises `AdsRefusal`."""

    def __init__(self, world: World) -> None:
        self._world = world

    def mutate(self, request: Message, _fault: Fault | None) -> Message:
        """Create lists; the twin changes and removes none."""
        response = user_list_service.MutateUserListsResponse.pb()()
        wanted = [self._checked(request.customer_id, operation) for operation in request.operations]
        if not wanted:
            raise AdsRefusal("request_error", "REQUIRED_FIELD_MISSING", "No operation.")
        for user_list in [] if request.validate_only else wanted:
            identity = f"{8_000_000_000 + self._world.serial()}"
            account = request.customer_id
            made = self._world.create("google_ads", identity, account, user_list.name, user_list.description)
            made.settings = {"membership_days": user_list.membership_life_span or LONGEST_DAYS}
            response.results.add(resource_name=f"customers/{account}/userLists/{identity}")
        return response

    def _checked(self, account: str, operation: Message) -> Message:
        if operation.WhichOneof("operation") != "create":
            raise AdsRefusal("user_list_error", "USER_LIST_MUTATE_NOT_SUPPORTED", "The twin creates lists only.")
        wanted = operation.create
        if wanted.WhichOneof("user_list") != "crm_based_user_list":
            raise AdsRefusal("user_list_error", "CONCRETE_TYPE_REQUIRED", "A list of customers is needed.")
        if wanted.crm_based_user_list.upload_key_type != CONTACT_INFO:
            raise AdsRefusal("user_list_error", "INVALID_TYPE", "The twin keeps contact lists.")
        if not wanted.name:
            raise AdsRefusal("user_list_error", "INVALID_NAME", "A name is needed.")
        if wanted.membership_life_span > LONGEST_DAYS:
            raise AdsRefusal("range_error", "TOO_HIGH", "540 days at most.")
        ours = [one for one in self._world.audiences.values() if (one.platform, one.account) == ("google_ads", account)]
        if any(one.name == wanted.name for one in ours):
            raise AdsRefusal("user_list_error", "NAME_ALREADY_USED", "The name is already used.")
        return wanted
