"""Who a Discord account is: linking, unlinking, proof that a character is one's own, claims on imported people."""
