# As index.mjs does it.
import os
import time

time.sleep(int(os.environ.get('INIT_MS', '0')) / 1000)
print('loaded')
loaded = time.time()
first = True


def handler(event, context):
    global first
    proactive = first and time.time() - loaded > 10
    print(f'{{proactiveInitialization: {proactive}, coldStart: {first and not proactive}}}')
    first = False
    time.sleep(event.get('waitMs', 0) / 1000)
    return {'proactiveInitialization': proactive}
