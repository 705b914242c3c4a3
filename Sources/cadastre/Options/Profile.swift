internal import Foundation

/// A small JSON file that says which cluster is meant and who asks.
///
/// ```json
/// {
///   "cluster": "lutece",
///   "endpoints": ["127.0.0.1:7001", "127.0.0.1:7002"],
///   "administration_endpoints": ["127.0.0.1:7101", "127.0.0.1:7102"],
///   "certificate": "operator.pem",
///   "key": "operator.key",
///   "roots": ["root.pem"],
///   "tenant": "acme",
///   "administration_profile": "operator.json"
/// }
/// ```
///
/// Every key may be missing; an unknown one is refused. Relative paths count from the file's own
/// folder. `roots` may be one path instead of a list. `administration_profile` names the profile by
/// which `bench` reads what the nodes use, where this one's identity may not.
struct Profile: Hashable, Sendable {
    var cluster: String?
    var endpoints: [String] = []
    var administrationEndpoints: [String] = []
    var certificate: String?
    var key: String?
    var roots: [String] = []
    var tenant: String?
    var administrationProfile: String?

    /// Nothing is said.
    init() {}

    /// The most bytes that a profile may have.
    static let maximumSize = 65_536

    /// Reads the file at `path`.
    ///
    /// - Throws: `Failure` if it is missing, unreadable or wrong.
    init(path: String) throws(Failure) {
        let url = URL(fileURLWithPath: path)
        let data: Data
        do {
            let handle = try FileHandle(forReadingFrom: url)
            data = try handle.read(upToCount: Self.maximumSize + 1) ?? Data()
            try handle.close()
        } catch {
            throw Failure(
                .missingInput,
                "the profile \(Escaped.text(path)) cannot be read",
                advice: "check --profile or CADASTRE_PROFILE"
            )
        }
        try self.init(data, path: path, folder: url.deletingLastPathComponent().path)
    }

    /// Reads the bytes of a profile that lies in `folder`.
    ///
    /// - Throws: `Failure` naming what is wrong.
    init(_ data: Data, path: String, folder: String) throws(Failure) {
        func wrong(_ what: String) -> Failure {
            Failure(
                .configuration,
                "the profile \(Escaped.text(path)) \(what)",
                advice: "correct the file"
            )
        }
        guard data.count <= Self.maximumSize else { throw wrong("is larger than 64 KiB") }
        let parsed: Any
        do {
            parsed = try JSONSerialization.jsonObject(with: data)
        } catch {
            throw wrong("is not valid JSON")
        }
        guard let object = parsed as? [String: Any] else { throw wrong("is not a JSON object") }
        func resolved(_ path: String) -> String {
            path.hasPrefix("/") ? path : folder + "/" + path
        }
        func text(_ key: String, _ value: Any) throws(Failure) -> String {
            guard let value = value as? String, !value.isEmpty else {
                throw wrong("holds no text under \"\(key)\"")
            }
            return value
        }
        func texts(_ key: String, _ value: Any) throws(Failure) -> [String] {
            guard let values = value as? [Any], !values.isEmpty else {
                throw wrong("holds no list of texts under \"\(key)\"")
            }
            var result: [String] = []
            for value in values { result.append(try text(key, value)) }
            return result
        }
        for key in object.keys.sorted() {
            guard let value = object[key] else { continue }
            switch key {
            case "cluster": cluster = try text(key, value)
            case "endpoints": endpoints = try texts(key, value)
            case "administration_endpoints": administrationEndpoints = try texts(key, value)
            case "certificate": certificate = resolved(try text(key, value))
            case "key": self.key = resolved(try text(key, value))
            case "roots":
                roots =
                    value is String
                    ? [resolved(try text(key, value))] : try texts(key, value).map(resolved)
            case "tenant": tenant = try text(key, value)
            case "administration_profile":
                administrationProfile = resolved(try text(key, value))
            default: throw wrong("holds an unknown key, \"\(Escaped.text(key))\"")
            }
        }
    }
}
