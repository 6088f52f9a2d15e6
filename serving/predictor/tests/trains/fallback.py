"""The rules: a full train is late."""


def probability(request):
    return 0.6 if request["load"] > 0.8 else 0.1
