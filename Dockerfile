# The runner's image: Passerelle and nothing else. Built in one stage, kept small in another.
#   docker build -t passerelle .
ARG PYTHON_IMAGE=python:3.13.16-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /build
COPY requirements/ requirements/
# What runs: every package by its hash.
RUN python -m venv /opt/passerelle \
 && /opt/passerelle/bin/pip install --require-hashes --only-binary :all: -r requirements/runtime.txt
# What builds the wheel stays in this stage; its packages have their hashes too.
RUN python -m venv /tools \
 && /tools/bin/pip install --require-hashes --only-binary :all: -r requirements/dev.txt
COPY pyproject.toml README.md LICENSE ./
COPY connectors/ connectors/
COPY privacy/ privacy/
COPY segmentation/ segmentation/
COPY workflows/ workflows/
RUN /tools/bin/python -m hatchling build --target wheel --directory /wheel \
 && /opt/passerelle/bin/pip install --no-deps --no-index /wheel/*.whl \
 && /opt/passerelle/bin/pip uninstall --yes pip

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="Passerelle" \
      org.opencontainers.image.description="Consent-checked customer audiences for Meta and Google Ads, with proof." \
      org.opencontainers.image.licenses="Apache-2.0"
ENV PATH=/opt/passerelle/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
RUN groupadd --gid 1000 passerelle \
 && useradd --uid 1000 --gid 1000 --no-create-home --home-dir /workspace --shell /usr/sbin/nologin passerelle \
 && install -d -o 1000 -g 1000 -m 0700 /workspace
COPY --from=build /opt/passerelle /opt/passerelle
USER 1000:1000
WORKDIR /workspace
ENTRYPOINT ["passerelle"]
CMD ["--help"]
