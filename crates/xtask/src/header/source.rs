//! What the sources of `crates/protocol` say: comments, names, types, and constants.

use std::{collections::BTreeMap, fs};

use anyhow::{Context, Result, bail};
use syn::{Attribute, BinOp, Expr, Fields, Item, Lit, Meta, Type, Visibility};

use crate::workspace::Workspace;

/// A constant.
pub(super) struct Constant {
    /// As C knows it, after that of its module.
    pub(super) name: String,
    pub(super) documentation: String,
    pub(super) value: u64,
}

/// A structure or an enumeration.
struct Entity {
    documentation: String,
    /// Fields or variants, with their comments; fields with their types.
    members: Vec<(String, String, Option<Type>)>,
}

/// All that the sources say.
#[derive(Default)]
pub(super) struct Source {
    constants: Vec<Constant>,
    entities: BTreeMap<String, Entity>,
}

impl Source {
    pub(super) fn read(workspace: &Workspace) -> Result<Self> {
        let folder = workspace.root().join("crates/protocol/src");
        let wrong = || format!("cannot read {}", workspace.shown(&folder));
        let mut paths = Vec::new();
        for entry in fs::read_dir(&folder).with_context(wrong)? {
            paths.push(entry.with_context(wrong)?.path());
        }
        paths.sort();
        let mut source = Self::default();
        let mut constants = Vec::new();
        for path in paths {
            let text = fs::read_to_string(&path).with_context(wrong)?;
            let file =
                syn::parse_file(&text).with_context(|| workspace.shown(&path).to_string())?;
            // Files are no part of names, but for the one whose module is public.
            let module = if path.ends_with("limits.rs") { "LIMITS_" } else { "" };
            source.items(module, &file.items, &mut constants);
        }
        for (name, documentation, expression) in constants {
            let value = source.value(&expression).context(name.clone())?;
            source.constants.push(Constant { name, documentation, value });
        }
        Ok(source)
    }

    pub(super) fn constants(&self) -> &[Constant] {
        &self.constants
    }

    /// What is said of a structure or an enumeration.
    pub(super) fn documentation(&self, name: &str) -> Result<&str> {
        Ok(&self.entity(name)?.documentation)
    }

    /// What is said of a field or a variant.
    pub(super) fn member(&self, entity: &str, name: &str) -> Result<&str> {
        let mut members = self.entity(entity)?.members.iter();
        let found = members.find(|(member, _, _)| member == name);
        let (_, documentation, _) = found.with_context(|| format!("{entity} has no {name}"))?;
        Ok(documentation)
    }

    /// A field as C declares it.
    pub(super) fn declaration(&self, entity: &str, name: &str) -> Result<String> {
        let mut members = self.entity(entity)?.members.iter();
        let found = members.find_map(|(member, _, kind)| (member == name).then_some(kind.as_ref()));
        match found.flatten().with_context(|| format!("{entity} has no {name}"))? {
            Type::Array(array) => {
                let length = match &array.len {
                    Expr::Path(path) => format!("FRAMECAST_{}", last(&path.path)),
                    other => self.value(other)?.to_string(),
                };
                Ok(format!("{} {name}[{length}]", type_name(&array.elem)?))
            }
            other => Ok(format!("{} {name}", type_name(other)?)),
        }
    }

    fn entity(&self, name: &str) -> Result<&Entity> {
        self.entities.get(name).with_context(|| format!("crates/protocol has no {name}"))
    }

    fn items(&mut self, module: &str, items: &[Item], constants: &mut Vec<(String, String, Expr)>) {
        for item in items {
            match item {
                Item::Const(item) if is_public(&item.vis) => {
                    let name = format!("{module}{}", item.ident);
                    constants.push((name, documentation(&item.attrs), (*item.expr).clone()));
                }
                Item::Mod(item) => {
                    let module = format!("{}_", item.ident).to_uppercase();
                    if let Some((_, items)) = &item.content {
                        self.items(&module, items, constants);
                    }
                }
                Item::Struct(item) => {
                    let Fields::Named(fields) = &item.fields else { continue };
                    let member = |field: &syn::Field| {
                        let name = field.ident.as_ref()?.to_string();
                        Some((name, documentation(&field.attrs), Some(field.ty.clone())))
                    };
                    let members = fields.named.iter().filter_map(member).collect();
                    let documentation = documentation(&item.attrs);
                    self.entities.insert(item.ident.to_string(), Entity { documentation, members });
                }
                Item::Enum(item) => {
                    let member = |variant: &syn::Variant| {
                        (variant.ident.to_string(), documentation(&variant.attrs), None)
                    };
                    let members = item.variants.iter().map(member).collect();
                    let documentation = documentation(&item.attrs);
                    self.entities.insert(item.ident.to_string(), Entity { documentation, members });
                }
                _ => {}
            }
        }
    }

    /// The value of a constant: a number, a shifted one, or the length of `Enumeration::ALL`.
    fn value(&self, expression: &Expr) -> Result<u64> {
        match expression {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Int(number) => Ok(number.base10_parse()?),
                _ => bail!("it is no number"),
            },
            Expr::Binary(binary) if matches!(binary.op, BinOp::Shl(_)) => {
                Ok(self.value(&binary.left)? << self.value(&binary.right)?)
            }
            Expr::MethodCall(call) if call.method == "len" => {
                let Expr::Path(path) = &*call.receiver else { bail!("it has the length of what?") };
                let first = path.path.segments.first().context("it has the length of what?")?;
                Ok(u64::try_from(self.entity(&first.ident.to_string())?.members.len())?)
            }
            _ => bail!("the header has no words for how it is computed"),
        }
    }
}

/// What a comment says, without links and code marks.
fn documentation(attributes: &[Attribute]) -> String {
    let mut text = String::new();
    for attribute in attributes.iter().filter(|it| it.path().is_ident("doc")) {
        let Meta::NameValue(pair) = &attribute.meta else { continue };
        let Expr::Lit(literal) = &pair.value else { continue };
        if let Lit::Str(line) = &literal.lit {
            text += &line.value();
            text.push('\n');
        }
    }
    plain(&text)
}

fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        match character {
            // Where a link leads stands right behind it.
            ']' if rest.as_str().starts_with('(') => {
                rest.by_ref().find(|&it| it == ')');
            }
            '`' | '[' | ']' => {}
            other => plain.push(other),
        }
    }
    plain
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

fn last(path: &syn::Path) -> String {
    path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default()
}

/// A type as C calls it.
fn type_name(kind: &Type) -> Result<String> {
    let Type::Path(path) = kind else { bail!("the header has no words for a type") };
    let name = last(&path.path);
    let size = name.strip_prefix(['u', 'i']).and_then(|size| size.parse::<u8>().ok());
    Ok(match (size, name.starts_with('u')) {
        (Some(size), true) => format!("uint{size}_t"),
        (Some(size), false) => format!("int{size}_t"),
        (None, _) => format!("struct framecast_{}", snake(&name)),
    })
}

/// `TapRequest` as `tap_request`.
pub(super) fn snake(name: &str) -> String {
    let mut snake = String::new();
    for character in name.chars() {
        if character.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(character.to_lowercase());
    }
    snake
}

/// `TapRequest` as `TAP_REQUEST`.
pub(super) fn capitals(name: &str) -> String {
    snake(name).to_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_plain_text() {
        let text = " The answer to [`Request::Inject`](crate::Request::Inject), [`limits`] `x`.\n";
        assert_eq!(plain(text), " The answer to Request::Inject, limits x.\n");
    }

    #[test]
    fn names_are_those_of_c() -> Result<()> {
        assert_eq!(
            (snake("TapRequest").as_str(), capitals("TapDrop").as_str()),
            ("tap_request", "TAP_DROP")
        );
        let kind = |text| type_name(&syn::parse_str(text)?);
        assert_eq!((kind("u64")?.as_str(), kind("i32")?.as_str()), ("uint64_t", "int32_t"));
        assert_eq!(kind("RequestHeader")?, "struct framecast_request_header");
        Ok(())
    }
}
