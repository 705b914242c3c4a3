internal import ArgumentParser

/// The workloads of services on object metadata, by their numbers.
enum WorkloadID: String, CaseIterable, ExpressibleByArgument, Sendable {
    case w1 = "W1"
    case w2 = "W2"
    case w3 = "W3"
    case w4 = "W4"
    case w5 = "W5"
    case w6 = "W6"
    case w7 = "W7"
    case w8 = "W8"
    case w9 = "W9"
    case w10 = "W10"
    case w11 = "W11"
    case w12 = "W12"

    init?(argument: String) { self.init(rawValue: argument.uppercased()) }

    /// What it is; `waits` where the register has not what it needs.
    var content: Content {
        switch self {
        case .w1: .workload(.serviceMix)
        case .w2: .workload(.warp)
        case .w3: .workload(.ingest)
        case .w4: .workload(.dataLake)
        case .w5: .waits("backup cycle", for: "object locks, DeleteObjects and versioned buckets")
        case .w6: .waits("versioned churn", for: "versions and lifecycle rules")
        case .w7: .waits("multipart uploads", for: "multipart uploads")
        case .w8: .workload(.hotSwap)
        case .w9: .workload(.bigList)
        case .w10: .waits("delete storm", for: "DeleteObjects and purging")
        case .w11: .waits("YCSB on the key-value face", for: "the key-value face")
        case .w12:
            .waits(
                "faults under load",
                for: "a bench that breaks nodes; until then break them with Cluster/cluster while "
                    + "W1 runs"
            )
        }
    }

    /// What a number stands for.
    enum Content {
        case workload(Workload)
        /// Its title, and the feature that it waits for.
        case waits(String, for: String)
    }

    /// One line for each, for the help.
    static var table: String {
        allCases.map { id in
            switch id.content {
            case .workload(let workload): "  \(id.rawValue)  \(workload.summary)"
            case .waits(let title, let feature): "  \(id.rawValue)  \(title): waits for \(feature)"
            }
        }.joined(separator: "\n")
    }
}

/// What a workload does unless options say otherwise.
struct Workload: Sendable {
    /// What it is called.
    var title: String
    /// What it does, in the words of the help.
    var summary: String
    /// What and how often; weights of what is there.
    var mix: Mix
    /// What belongs to it and the register does not have; the mix is scaled to the rest.
    var leftOut: [String] = []
    /// What its keys look like.
    var shape: KeyShape
    /// How many different keys it has.
    var keyCount: UInt64 = 100_000
    /// Which of them it uses most.
    var popularity = Popularity.zipf
    /// Operations in a second; nil is the closed loop.
    var rate: Double?
    /// Whether the rate is ten times as high for five seconds of each minute.
    var hasBursts = false
    /// How large its objects are said to be.
    var sizes = ObjectSizes.logNormal
    /// Whether its keys are put first.
    var populates = true

    static let serviceMix = Workload(
        title: "service mix",
        summary: "service mix: get 48, head 22, put 14, delete 6, list with delimiter 5; open loop",
        mix: Mix([(.get, 48), (.head, 22), (.put, 14), (.delete, 6), (.listFolders(1000), 5)]),
        leftOut: ["multipart uploads, 4 of 100", "tags and locks, 1 of 100"],
        shape: .media,
        rate: 1000
    )

    static let warp = Workload(
        title: "as warp does",
        summary: "as warp does: get 45, head 30, put 15, delete 10; closed loop",
        mix: Mix([(.get, 45), (.head, 30), (.put, 15), (.delete, 10)]),
        shape: .hashed,
        popularity: .uniform
    )

    static let ingest = Workload(
        title: "ingest",
        summary: "ingest: put 90, head 10, new logs; open loop, ten times the rate for 5 s of each "
            + "minute",
        mix: Mix([(.append, 90), (.head, 10)]),
        shape: .logs,
        rate: 300,
        hasBursts: true,
        populates: false
    )

    static let dataLake = Workload(
        title: "data lake",
        summary: "data lake: list with delimiter 35, head 30, get 20, put 10, commit to a log 2",
        mix: Mix([
            (.listFolders(1000), 35), (.head, 30), (.get, 20), (.put, 10), (.commit, 2),
        ]),
        leftOut: ["DeleteObjects of 1,000, 3 of 100"],
        shape: .hive
    )

    static let hotSwap = Workload(
        title: "hot compare and swap",
        summary: "hot compare and swap: get, then put if it is still the same; on 10 keys",
        mix: Mix([(.swap, 1)]),
        shape: .plain,
        keyCount: 10,
        popularity: .uniform
    )

    static let bigList = Workload(
        title: "big list",
        summary: "big list: the whole bucket in pages of 1,000; every other client folders, at "
            + "depths 0 to 6",
        mix: Mix([(.walk(1000), 1)]),
        shape: .logs,
        popularity: .uniform
    )
}
