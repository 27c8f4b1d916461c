# What trains again, made of the image that watches: the same code, models and packages, and what
# `python -m registry retrain` needs besides.
ARG MONITOR
FROM ${MONITOR}
USER 0
COPY requirements-train.txt /tmp/requirements.txt
RUN python3 -m venv /tmp/tools && \
    /tmp/tools/bin/pip --python /opt/venv/bin/python --no-cache-dir --disable-pip-version-check \
        install --require-hashes --requirement /tmp/requirements.txt && \
    rm -rf /tmp/tools /tmp/requirements.txt
COPY training /opt/bento/src/training
COPY registry /opt/bento/src/registry
RUN python3 -m compileall -q /opt/bento/src/training /opt/bento/src/registry && \
    chmod -R a+rX,go-w /opt/bento/src && install --directory --owner=10001 /home/trainer
# A home that is kept: the versions that are made, and the history.
ENV BENTOML_HOME=/home/trainer
LABEL org.opencontainers.image.title=model-trainer
USER 10001:10001
ENTRYPOINT ["python", "-m", "registry"]
CMD ["list"]
