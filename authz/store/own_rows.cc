#include "authz/store/own_rows.h"

#include <optional>

#include "authz/model/public_key.h"
#include "authz/model/repository_kind.h"

namespace gerve::own_rows {
namespace {

const Column null_column{};

// A row in the order of query_columns; remembers whether anything made no sense.
class Own {
  public:
    Own(const Row& row, const Places& places) {
        for (const std::size_t place : places.columns) columns_.push_back(column_of(row, place));
        for (const auto& [name, place] : places.hooks) add_hook(name, column_of(row, place));
    }
    [[nodiscard]] const Column& at(std::size_t place) const { return columns_[place]; }

    // NULL counts as no.
    bool flag(std::size_t place) {
        if (std::holds_alternative<std::monostate>(at(place))) return false;
        const auto* number = std::get_if<std::int64_t>(&at(place));
        if (number == nullptr || *number < 0 || *number > 1) good_ = false;
        return number != nullptr && *number == 1;
    }
    // As a time in our tables: NULL for no, something for yes.
    Column mark(std::size_t place) { return flag(place) ? Column(std::int64_t{1}) : null_column; }
    // 0 and NULL: none.
    Column level(std::size_t place) {
        if (std::holds_alternative<std::monostate>(at(place))) return null_column;
        const auto* number = std::get_if<std::int64_t>(&at(place));
        if (number == nullptr || *number < 0 || *number > 3) good_ = false;
        return number == nullptr || *number == 0 ? null_column : at(place);
    }
    // A key's blob, or the line of a .pub file, as a blob.
    Column key(std::size_t place) {
        const auto* text = std::get_if<std::string>(&at(place));
        if (text == nullptr) {
            good_ = false;
            return null_column;
        }
        if (text->starts_with('\0')) return *text;
        const auto end = text->find_last_not_of(" \r\n");
        const auto key = PublicKey::parse_line(std::string_view(*text).substr(0, end + 1));
        if (!key) good_ = false;
        return key ? Column(key->blob()) : null_column;
    }
    // Behind the columns of a standard row.
    [[nodiscard]] const Row& hooks() const { return hooks_; }
    [[nodiscard]] bool good() const { return good_; }

  private:
    static const Column& column_of(const Row& row, std::size_t place) {
        return place < row.size() ? row[place] : null_column;
    }
    void add_hook(const std::string& name, const Column& value) {
        const auto* number = std::get_if<std::int64_t>(&value);
        hooks_.emplace_back(name);
        hooks_.push_back(number == nullptr ? value : Column(std::to_string(*number)));
    }

    Row hooks_;
    Row columns_;
    bool good_ = true;
};

Row standard_key(Own& own) {
    const std::int64_t can_write = own.flag(8) ? 1 : 0;
    const std::int64_t no = 0;  // the exception is Gerve's own
    return {own.at(0), own.key(1), {},          {},        can_write, no,
            own.at(2), own.at(3),  own.mark(4), own.at(5), own.at(6), own.at(7)};
}

// Other programs' tables have git repositories alone.
Row standard_repository(Own& own) {
    const std::int64_t is_public = own.flag(4) ? 1 : 0;
    const auto kind = static_cast<std::int64_t>(RepositoryKind::git);
    const std::int64_t no = 0;  // limits and policies are Gerve's own
    return {own.at(0), own.at(1), own.at(2), own.at(3), is_public, own.mark(5), own.mark(6), kind,
            {},        {},        {},        no,        no,        no,          no};
}

Row standard_permission(Own& own) {
    const Column role = own.flag(2) ? Column(std::int64_t{2}) : null_column;
    return {own.level(0), own.level(1), role};
}

// The third column says that there are servers: nobody's route is this machine's agent by default.
Row standard_route(Own& own) {
    const bool here = std::holds_alternative<std::monostate>(own.at(0));
    return {own.at(0), own.at(1), here ? null_column : Column(std::int64_t{1})};
}

Row standard_row(std::string_view name, Own& own) {
    if (name == "key") return standard_key(own);
    if (name == "repository") return standard_repository(own);
    return name == "permission" ? standard_permission(own) : standard_route(own);
}

}  // namespace

Result<Rows> as_standard(std::string_view name, const Rows& rows, const Places& places) {
    Rows standard;
    for (const Row& row : rows) {
        Own own(row, places);
        standard.push_back(standard_row(name, own));
        standard.back().insert(standard.back().end(), own.hooks().begin(), own.hooks().end());
        if (!own.good())
            return unavailable(std::string(name) + ": the configured statement returned a malformed row");
    }
    // Of these the directory's statements always have a row.
    if (standard.empty() && name == "permission") {
        standard.push_back(Row(3));
        for (const auto& [variable, place] : places.hooks)
            standard.back().insert(standard.back().end(), {Column(variable), null_column});
    }
    if (standard.empty() && name == "route") standard.push_back({{}, {}, std::int64_t{1}});
    return standard;
}

}  // namespace gerve::own_rows
