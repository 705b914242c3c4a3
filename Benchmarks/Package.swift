// swift-tools-version: 6.1
// A package of its own, so that the product does not depend on a benchmark library. The library's
// default traits ask for interposers that count allocations; without them it builds anywhere.

import PackageDescription

let package = Package(
    name: "cadastre-benchmarks",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "cadastre", path: ".."),
        .package(url: "https://github.com/ordo-one/benchmark", from: "1.38.1", traits: []),
    ],
    targets: [
        .executableTarget(
            name: "RaftCoreBenchmarks",
            dependencies: [
                .product(name: "RaftCore", package: "cadastre"),
                .product(name: "Benchmark", package: "benchmark"),
            ],
            path: "Benchmarks/RaftCoreBenchmarks",
            plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]
        )
    ]
)
