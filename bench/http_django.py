# The comparison of bench/http.sh: a Django view that answers with a salted SHA-256, in one file and without middleware.
import hashlib
import json
import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import path

settings.configure(DEBUG=False, ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, MIDDLEWARE=[], SECRET_KEY=os.urandom(32).hex())

SALT = os.urandom(16)


def encrypt(request):
    fields = json.loads(request.body)
    digest = hashlib.sha256(SALT + fields["sensitiveData"].encode()).hexdigest()
    return JsonResponse({"encrypted_data": digest})


urlpatterns = [path("encrypt", encrypt)]
application = get_wsgi_application()
