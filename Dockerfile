# docker build -t hmesh . && docker run --rm -v "$PWD/results:/results" hmesh run three-communities --out /results/first
FROM python:3.12-slim
RUN apt-get update \
    && apt-get install --no-install-recommends --yes make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /hmesh
COPY . .
RUN make .venv/.synced
ENV PATH=/hmesh/.venv/bin:$PATH
ENTRYPOINT ["hmesh"]
CMD ["--help"]
