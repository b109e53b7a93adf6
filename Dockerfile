# docker build -t REGISTRY/fairlead:0.1.0 . && docker push REGISTRY/fairlead:0.1.0
# To pin the base: --build-arg NODE_IMAGE=docker.io/library/node@sha256:…
ARG NODE_IMAGE=docker.io/library/node:24.21.0-trixie-slim

# The native addon, and the program that container runtimes call for each pod. The compiler stays in this stage; Node's
# own headers are in the base image.
FROM ${NODE_IMAGE} AS native
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev
WORKDIR /opt/fairlead
COPY package.json ./
COPY scripts/build scripts/build
COPY cni-bin cni-bin
COPY src src
RUN NODE_HEADERS=/usr/local/include/node scripts/build

# The npm packages that the program imports, and none that it is built and tested with.
FROM ${NODE_IMAGE} AS packages
WORKDIR /opt/fairlead
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM ${NODE_IMAGE}
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="Fairlead" \
	org.opencontainers.image.description="The per-node networking daemon of a Kubernetes cluster" \
	org.opencontainers.image.version="${VERSION}" \
	org.opencontainers.image.licenses="Apache-2.0"
# Not below any node_modules: Node strips no types there.
WORKDIR /opt/fairlead
COPY --from=packages /opt/fairlead/node_modules node_modules
COPY --from=native /opt/fairlead/build build
COPY package.json LICENSE ./
COPY src src
# For `kubectl exec … -- fairlead status`.
RUN ln -s /opt/fairlead/src/cli/fairlead.js /usr/local/bin/fairlead
ENV NODE_ENV=production
# Root: the capabilities that a container is given are effective for nobody else. They are all that is left of root:
# see manifests/base/daemonset.yaml.
USER root
# Node itself, no shell and no npm before it: process 1 is who gets the SIGTERM.
ENTRYPOINT ["/usr/local/bin/node", "/opt/fairlead/src/cli/fairlead.js"]
CMD ["run"]
