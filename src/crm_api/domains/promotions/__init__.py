"""Promotions, coupons and their redemptions, and who may give which discount.

Invariants: a coupon is redeemed no more often than its limits say, in all and by a customer,
whoever redeems at the same moment; a code belongs to one living coupon.
"""
