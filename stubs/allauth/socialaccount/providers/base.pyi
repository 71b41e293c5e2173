class AuthError:
    UNKNOWN: str
    CANCELLED: str
    DENIED: str

class AuthProcess:
    LOGIN: str
    CONNECT: str
    REDIRECT: str
