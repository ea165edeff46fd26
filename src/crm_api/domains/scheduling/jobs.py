"""What becomes of bookings in the background: holds that have expired are told of."""

from crm_api.domains.scheduling.actions import expire
from crm_api.domains.scheduling.service import BookingService
from crm_api.domains.scheduling.waitlist import WaitlistService, lapse
from crm_api.kit.crud.due import moving

expire_holds = moving("crm_bookings_due", BookingService, expire)
lapse_waiting = moving("crm_waitlist_due", WaitlistService, lapse)
