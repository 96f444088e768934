# docker build -t hmesh . && docker run --rm -v "$PWD/results:/results" hmesh run three-communities --out /results/first
FROM python:3.12-slim AS build
RUN apt-get update \
    && apt-get install --no-install-recommends --yes make
WORKDIR /hmesh
COPY . .
# All extras, and none of the tools of tests and documentation.
RUN make .venv/.synced PARTS="--no-dev --extra all"

FROM python:3.12-slim
# Where it was built, as the environment names that folder.
COPY --from=build /hmesh /hmesh
ENV PATH=/hmesh/.venv/bin:$PATH
ENTRYPOINT ["hmesh"]
CMD ["--help"]
