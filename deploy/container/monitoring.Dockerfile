# What watches the models, made of the server's image: the same code, models and packages, and what
# `python -m monitoring` needs besides.
ARG SERVER
FROM ${SERVER}
USER 0
COPY requirements-monitoring.txt /tmp/requirements.txt
RUN python3 -m venv /tmp/tools && \
    /tmp/tools/bin/pip --python /opt/venv/bin/python --no-cache-dir --disable-pip-version-check \
        install --require-hashes --requirement /tmp/requirements.txt && \
    rm -rf /tmp/tools /tmp/requirements.txt
COPY monitoring /opt/bento/src/monitoring
# A model store of exactly the models of the Bento.
RUN python3 -m compileall -q /opt/bento/src/monitoring && chmod -R a+rX,go-w /opt/bento/src && \
    mkdir -p /opt/store/bentos /opt/store/envs /opt/store/tmp && ln -s /opt/bento/models /opt/store/models
ENV BENTOML_HOME=/opt/store MPLCONFIGDIR=/tmp
LABEL org.opencontainers.image.title=model-monitor
EXPOSE 9464
USER 10001:10001
WORKDIR /opt/bento/src
HEALTHCHECK NONE
ENTRYPOINT ["python", "-m", "monitoring"]
CMD ["serve", "--record", "/record", "--host", "0.0.0.0"]
